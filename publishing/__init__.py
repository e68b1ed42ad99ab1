"""What turns the sources into what people open: notebooks, problem sets, the site."""
