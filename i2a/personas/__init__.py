"""Growing persona pools: turn texts into vectors (`encoders`) and reject those too near to a kept one (`index`)."""
