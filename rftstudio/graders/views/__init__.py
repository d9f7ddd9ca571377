"""The pages of this room: the builder, the list of graders, their versions."""
