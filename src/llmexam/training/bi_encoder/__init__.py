"""Train bi-encoders: prompts nearer to right options than to wrong ones."""
