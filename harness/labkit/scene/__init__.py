"""What a check plays with: programs, networks, clients, and what all labs' checks ask."""
