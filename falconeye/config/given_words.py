"""Entries of a setting that is a list, in a file, or one text, in the environment."""


def given_words(given: object) -> list[str]:
    """Those of a list, or of a text, each with commas or spaces between them; ValueError."""
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        msg = "neither a list nor a text"
        raise ValueError(msg)
    return [word for each in given for word in str(each).replace(",", " ").split()]
