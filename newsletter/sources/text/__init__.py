"""Makes texts of dumps readable: invisible characters, markup, misread bytes, LaTeX."""
