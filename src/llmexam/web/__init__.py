"""The web page over a folder of runs: pages, JSON API, and the static copy of both."""
