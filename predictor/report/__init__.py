"""How answers are written for people and programs."""
