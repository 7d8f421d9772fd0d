"""What the model is told: the system prompt and its parts, and how much of the window each thing takes."""
