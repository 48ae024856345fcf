"""What ``mfn bench gpu`` measures and checks: each module here is one part of it."""
