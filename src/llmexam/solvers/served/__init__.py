"""Models that answer over HTTP: any endpoint that speaks as OpenAI's does."""
