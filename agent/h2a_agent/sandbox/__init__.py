"""The sandbox for commands: as much of one as this machine has, tried before it is believed."""
