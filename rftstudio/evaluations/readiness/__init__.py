"""Will this train? A base model's answers to some training tasks, before anything is launched."""
