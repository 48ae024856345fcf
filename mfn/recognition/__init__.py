"""Photos to people: faces found and embedded, compared, kept in galleries, searched, grouped and followed."""
