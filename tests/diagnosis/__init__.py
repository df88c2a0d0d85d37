"""How well `ogive watch` names what is wrong with a training: see README.md."""
