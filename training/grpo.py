"""`i2a train grpo`: group-relative policy optimisation. The model talks with the simulated person, its replies to the
same words are scored, and it learns which were better than their siblings. On packed trees.

An iteration is a run of conversations in OUT/rollouts and the optimizer steps on it. `transformers.Trainer` takes the
iterations for epochs, so that checkpoints, precision, ranks and the log are those of SFT and DPO. TRL's `GRPOTrainer`
with a `rollout_func` was the other way: its groups are replies to one prompt that was there before, so that siblings at
every turn of one dialogue would each be a prompt of their own, and what they share would be computed for each.
"""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text
from transformers import TrainingArguments

from i2a.digests import seed_of
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.models.autogen import Client
from i2a.personas.pool import PersonaPool
from i2a.runs.simulated import simulated_by_name
from i2a.runs.training_folder import Card
from scenarios.people import People
from scenarios.script import find
from scenarios.settings import Scene, Simulation
from scenarios.simulation import plan_simulation
from training import ranks
from training.advantages import advantages
from training.data import LARGEST_TREE
from training.leaks import Halves, refuse
from training.packing.grpo import GRPOLoss, PackedGRPOTrainer, Reply, grpo_features
from training.packing.tree import Feature
from training.rollouts import Rollout, policy_of, read_rollout, roll_out
from training.run import TrainingRun
from training.settings import GRPO
from training.vllm_server import VLLMServer


def grpo(
    config: GRPO,
    console: Console | None = None,
    card: Card | None = None,
    *,
    clients: Mapping[str, Client] = {},
) -> JsonObject:
    """Train a model by interaction; returns what `result.json` holds. With a console, progress is shown there.

    `clients` are open model clients of your own for the other roles, as for `simulate`. `card` writes the model card.
    Raises `UsageError` for unusable settings, before a model is loaded or a file is overwritten, and `Interrupted`
    after Ctrl-C.
    """
    with TrainingRun.open("grpo", config, console) as run:
        if ranks.sharded():
            raise UsageError("a sharded model (FSDP) cannot talk in the first process; take the configuration ddp")
        if not ranks.run_on_first(lambda: _enter(run, config, clients)):
            return run.result
        if not config.quiet:
            for note in (str(run.setup.precision), *run.notes):
                run.console.print(Text(note, style="dim"))
        interaction = Interaction(run, config, clients)
        with run.console.status("Loading the model"):
            trainer = interaction.trainer()
        run.fit(trainer, stops_every=config.updates * config.epochs)
        learnt = sum(line.get("replies_learnt", 0) for line in trainer.state.log_history)
        return run.save(trainer, card, rows=learnt, notes=run.notes)


class Interaction:
    """What a training by interaction does beside its steps: it talks before each iteration."""

    def __init__(self, run: TrainingRun, config: GRPO, clients: Mapping[str, Client]) -> None:
        self.run, self.config, self.clients = run, config, clients
        self.folder = run.folder.path / "rollouts"
        self.policy = policy_of(simulation(config))
        self.server: VLLMServer | None = None
        if url := config.vllm_server:
            ranks.run_on_first(lambda: self._open(url))

    def _open(self, url: str) -> None:
        self.server = VLLMServer(url, "cuda")

    def trainer(self) -> PackedGRPOTrainer:
        """It gets the model before a checkpoint is loaded, so that the reference is the same after a resume."""
        config, run = self.config, self.run
        steps = config.updates * config.epochs
        arguments = run.arguments_for(config.iterations * steps)
        arguments |= {"save_steps": config.save_every * steps}
        loss = GRPOLoss(
            config.loss,
            config.epsilon,
            config.epsilon if config.epsilon_high is None else config.epsilon_high,
            config.beta,
            config.temperature,
            config.max_new_tokens,
        )
        self._trainer = PackedGRPOTrainer(
            run.model_with_adapter(),
            TrainingArguments(**arguments),
            loss=loss,
            collect=self.collect,
            updates=config.updates,
            epochs=config.epochs,
            ref_model=run.model() if config.beta and not run.new_adapter else None,
            processing_class=run.tokenizer,
        )
        return self._trainer

    def collect(self, iteration: int) -> Sequence[Feature]:
        """Talk, in the first process; then what there is to learn from it.

        Raises `UsageError` where no reply has a reward, `Interrupted` after Ctrl-C."""
        ranks.run_on_first(lambda: self._talk(iteration))
        rollout = read_rollout(self.folder / f"{iteration:04}", self.policy)
        found = replies(rollout, scale=self.config.scale, gamma=self.config.gamma)
        if not any(found):
            why = f", most often because: {rollout.unscored}" if rollout.unscored else ""
            raise UsageError(f"no reply of iteration {iteration} has a reward{why}; see {rollout.folder}")
        self._trainer.news = {**rollout.record, "replies_learnt": sum(map(len, found))}
        return [feature for each in found for feature in grpo_features(each, max_tokens=LARGEST_TREE)]

    def _talk(self, iteration: int) -> None:
        config, trainer = self.config, self._trainer
        roll_out(
            simulation(config),
            trainer.accelerator.unwrap_model(trainer.model),
            self.run.template,
            iteration,
            self.folder,
            temperature=config.temperature,
            max_new_tokens=config.max_new_tokens,
            clients=self.clients,
            console=None if config.quiet else self.run.console,
            server=self.server,
        )


def simulation(config: GRPO) -> Simulation:
    """What is talked about with whom, as settings of a run; without a folder of its own."""
    scene = {name: getattr(config, name) for name in Scene.model_fields}
    return Simulation(
        **scene,
        out=config.out / "rollouts",
        model=config.others,
        seed=config.seed,
        conversations=config.conversations,
        concurrency=config.concurrency,
        max_cost=config.max_cost,
        price=config.price,
        quiet=True,
    )


def replies(rollout: Rollout, *, scale: bool, gamma: float) -> list[list[Reply]]:
    """The replies with a reward of each tree, with the tokens that were drawn and what they are worth."""
    worth = advantages(rollout.trees, scale=scale, gamma=gamma)
    found = []
    for tree in rollout.trees:
        there = [(node, rollout.samples[node]) for node in tree if node in worth and node in rollout.samples]
        found.append(
            [
                Reply((sample.prompt + sample.reply, len(sample.prompt)), sample.logprobs, worth[node])
                for node, sample in there
            ]
        )
    return found


def _enter(run: TrainingRun, config: GRPO, clients: Mapping[str, Client]) -> bool:
    """In the first process: whether there is something to train. Raises `UsageError` for settings that cannot work."""
    scene = simulation(config)
    policy = policy_of(scene)
    if policy in config.role_model:
        raise UsageError(f"--role-model {policy}: {policy} is the model that is trained; name that with --model")
    plan = plan_simulation(scene, {name: client for name, client in clients.items() if name != policy})
    people = People.read(scene)
    met = Halves({}, {})
    scenario = find(config.scenario)
    drawn = (seed_of(f"{config.seed}/rollouts/{number}") for number in range(config.iterations))
    keys = [met.add(persona) for seed in drawn for persona, _ in people.draw(scenario, config.conversations, seed)]
    refuse(met, PersonaPool.benchmark())
    models = {role: str(spec) for role, spec in plan.models.items() if role != policy}
    metadata: JsonObject = {
        "corpus": {"simulated": any(map(simulated_by_name, models.values())), "models": models, **people.fingerprint}
    }
    identity: JsonObject = {"scene": {**plan.fingerprint, "models": models}}
    return run.enter(identity, metadata, met.of(keys))
