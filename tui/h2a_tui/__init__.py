"""What a person sees of h2a-chat."""
