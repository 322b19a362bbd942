"""Names of one patch in two folders: what each method writes at their ends."""

from collections.abc import Iterable, Set
from os.path import commonprefix

from he2ihc_keras.scoring.results.files import FAKE_IHC, HE, IHC, ImageFile, ImageSet
from he2ihc_keras.scoring.results.layouts import LABELS, OTHER_LABELS

# Without regard to case. A and B are those of data sets in one folder, `x_A.png` beside
# `x_B.png`; BCI's own names end in a HER2 level, `_1+`, which is never taken off.
_ENDINGS = {
    FAKE_IHC: (LABELS[FAKE_IHC], "fake", "pred", "generated", "output"),
    IHC: (LABELS[IHC], "ihc", "B"),
    HE: (LABELS[HE], "he", "A"),
}
_OF_OTHERS = {
    FAKE_IHC: (LABELS[IHC], *_ENDINGS[HE], *OTHER_LABELS),
    IHC: (*_ENDINGS[FAKE_IHC], *_ENDINGS[HE], *OTHER_LABELS),
}
_SEPARATORS = ("_", "-", ".", " ")


def match_names(fake_ihc: ImageSet, ihc: ImageSet) -> tuple[ImageSet, ImageSet, str]:
    """Bring the names of two sets together by taking off what a method adds.

    In this order: names that are the same; known endings, `x_fake_B` and `x_real_B`;
    any ending that all images of a set share, if without it the names are the same and
    it may be a method's (`_may_be_methods`). If all fails the names stay apart, without
    known endings.

    Returns:
        The sets under their new names, and the endings that were taken off, in words.
    """
    if fake_ihc.files.keys() == ihc.files.keys():
        return fake_ihc, ihc, ""
    known = _known_ending(fake_ihc.files, FAKE_IHC), _known_ending(ihc.files, IHC)
    short_fake, short = _without(fake_ihc, known[0]), _without(ihc, known[1])
    if short_fake.files.keys() == short.files.keys():
        return short_fake, short, _in_words(*known)
    common = _common_endings(fake_ihc.files.keys(), ihc.files.keys())
    if not common or not _may_be_methods(*common, len(ihc.files)):
        return short_fake, short, ""
    # "_1+" says a level and "_x12" a place: what has digits stays in the name.
    kept = common[1] if _has_digits(common[1]) else ""
    return (
        _without(fake_ihc, common[0], kept),
        _without(ihc, common[1], kept),
        _in_words(*common),
    )


def match_he(he: ImageSet, names: Set[str]) -> ImageSet:
    """Find the H&E patches of `names` among others, with or without a known ending.

    Returns:
        The H&E by name, of the ending that most of the names have.
    """
    endings = ["", *(f"_{ending.casefold()}" for ending in _ENDINGS[HE])]
    candidates = [_those_ending(he, ending) for ending in endings]
    return max(candidates, key=lambda found: len(names & found.files.keys()))


def _those_ending(images: ImageSet, ending: str) -> ImageSet:
    files = {
        name[: len(name) - len(ending)]: file
        for name, file in images.files.items()
        if name.casefold().endswith(ending)
    }
    return images._replace(files=files)


def _without(images: ImageSet, ending: str, instead: str = "") -> ImageSet:
    files: dict[str, ImageFile] = {
        name.removesuffix(ending) + instead: file for name, file in images.files.items()
    }
    return images._replace(files=files)


def _known_ending(names: Iterable[str], role: str) -> str:
    """Return the ending of the role that all names share, spelled as they spell it."""
    names = list(names)
    shared = _shared_ending(names)
    for known in _ENDINGS[role]:
        ending = shared[-len(known) - 1 :]
        # "_IHC" alone would leave no name.
        if ending.casefold() == f"_{known.casefold()}" and ending not in names:
            return ending
    return ""


def _common_endings(fake_ihc: Set[str], ihc: Set[str]) -> tuple[str, str] | None:
    """Return the shortest endings without which the names of two sets are the same."""
    ending, other = _shared_ending(fake_ihc), _shared_ending(ihc)
    # What both endings start with belongs to the names: x_1+_fake and x_1+ are x_1+.
    for length in range(len(commonprefix([ending, other])), -1, -1):
        endings = ending[length:], other[length:]
        if all(not text or text.startswith(_SEPARATORS) for text in endings):
            return endings if _same(fake_ihc, ihc, *endings) else None
    return None


def _same(fake_ihc: Set[str], ihc: Set[str], fake_ending: str, ending: str) -> bool:
    names = {name.removesuffix(fake_ending) for name in fake_ihc}
    return names == {name.removesuffix(ending) for name in ihc} and "" not in names


def _shared_ending(names: Iterable[str]) -> str:
    return commonprefix([name[::-1] for name in names])[::-1]


def _may_be_methods(fake_ending: str, ending: str, count: int) -> bool:
    """Tell a method's ending from the place or number of another patch.

    If one side adds nothing, or says its role, the other may add anything. If both add
    what is not known, `s1_x1` and `s1_x2` are two patches; `s1_unet` and `s1_truth`
    are one, provided that all of several images agree.
    """
    if _word(fake_ending) in _folded(_OF_OTHERS[FAKE_IHC]):
        return False
    if _word(ending) in _folded(_OF_OTHERS[IHC]):
        return False
    # x_IHC may be generated, but beside x_unet it is the target: folders swapped.
    if _word(fake_ending) in _folded(_ENDINGS[IHC]) and not _says_role(ending, IHC):
        return False
    if _says_role(fake_ending, FAKE_IHC) or _says_role(ending, IHC):
        return True
    words = [_word(fake_ending), _word(ending)]
    return count > 1 and all(len(x) > 1 and not _has_digits(x) for x in words)


def _says_role(ending: str, role: str) -> bool:
    # A single letter is no evidence: x_B and x_C may be two patches.
    word = _word(ending)
    return not ending or (len(word) > 1 and word in _folded(_ENDINGS[role]))


def _word(ending: str) -> str:
    return ending[1:].casefold()


def _folded(words: Iterable[str]) -> set[str]:
    return {word.casefold() for word in words}


def _has_digits(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _in_words(fake_ending: str, ending: str) -> str:
    sides = (fake_ending, "predicted"), (ending, "target")
    return " and ".join(f"{text} of the {side} names" for text, side in sides if text)
