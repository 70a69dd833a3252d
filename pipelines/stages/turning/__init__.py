"""Films, and parts of films, that lie on their side or upside down."""
