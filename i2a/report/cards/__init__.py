"""Cards of models and datasets: Markdown with the YAML header that Hugging Face reads. Their texts are templates."""
