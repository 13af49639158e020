"""A request in, a response out: schemas, problems, and the accept of a message."""
