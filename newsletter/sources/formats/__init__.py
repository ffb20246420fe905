"""Holds one module for each dump format. `newsletter.sources.registry` finds them: no list to edit."""
