"""What every family that is trained by gradients builds on: loop, batches, checkpoints, trainee."""
