"""Pages, one module each: routes, and what their templates show."""
