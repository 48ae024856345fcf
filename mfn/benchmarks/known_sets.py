"""The published sets people judge face networks on: what they are, on which terms, from where, and how mfn reads them.

mfn brings none of them. Terms are what the sets' own pages, papers or repositories state, in short; the page itself is
what counts. Where none of these could be read, the set is marked so that its terms are told as hearsay. A set of which
no licence was published is said so, whatever a copy of it claims.
"""

from dataclasses import dataclass

RESEARCH = "research only"
NONE_STATED = "none stated by its authors"
HEARSAY = "not verified: check its page"
_BIN = "NAME.bin of InsightFace"


@dataclass(frozen=True, slots=True)
class KnownSet:
    """One set.

    Attributes:
        name: As people call it.
        tests: What it is about.
        size: Pairs, images or people, in words.
        terms: Its licence or terms.
        source: Address of the set's own page.
        layout: What mfn looks for below ``benchmark.root``.
        word: How it is chosen, as ``benchmark=lfw``.
        verified: Whether the terms were read where the authors state them.
    """

    name: str
    tests: str
    size: str
    terms: str
    source: str
    layout: str
    word: str
    verified: bool = False

    @property
    def told_terms(self) -> str:
        """The terms, marked where they were not verified."""
        return self.terms if self.verified else f"{self.terms} ({HEARSAY})"


_LFW = "http://vis-www.cs.umass.edu/lfw/ (the page has moved between hosts)"
KNOWN_SETS = (
    KnownSet(
        "LFW", "faces in the news", "6,000 pairs, 13,233 images of 5,749 people",
        f"{NONE_STATED}: photos of the press; {RESEARCH} by custom", _LFW,
        f"{_BIN}, or pairs.txt with NAME/NAME_0001.jpg", "benchmark=lfw",
    ),
    KnownSet(
        "CFP-FP, CFP-FF", "frontal against profile, frontal against frontal", "7,000 pairs each, 500 people",
        RESEARCH, "http://www.cfpw.io", f"{_BIN}, or Protocol/ with Data/", "benchmark=cfp_fp, cfp_ff",
    ),
    KnownSet(
        "AgeDB-30", "30 years between two photos", "6,000 pairs", f"{RESEARCH}, on request",
        "https://ibug.doc.ic.ac.uk/resources/agedb/", f"{_BIN}, or a list of pairs", "benchmark=agedb_30",
    ),
    KnownSet(
        "CALFW", "LFW's people at different ages", "6,000 pairs", f"{NONE_STATED}: images are LFW's or the web's",
        "http://www.whdeng.cn/CALFW/", f"{_BIN}, or pairs_CALFW.txt with images", "benchmark=calfw",
    ),
    KnownSet(
        "CPLFW", "LFW's people in different poses", "6,000 pairs", f"{NONE_STATED}: images are LFW's or the web's",
        "http://www.whdeng.cn/CPLFW/", f"{_BIN}, or pairs_CPLFW.txt with images", "benchmark=cplfw",
    ),
    KnownSet(
        "VGG2-FP", "frontal against profile, of VGGFace2", "5,000 pairs", "withdrawn by its authors",
        "https://www.robots.ox.ac.uk/~vgg/data/vgg_face2/ (withdrawn)", _BIN, "benchmark=vgg2_fp",
    ),
    KnownSet(
        "IJB-B", "templates of photos and video", "1,845 people",
        "images under Creative Commons licences (its paper); NIST gives it out no longer, since 14 March 2023",
        "https://www.nist.gov/itl/iad/ig/face-challenges", "meta/ and loose_crop/ of InsightFace",
        "benchmark=ijbb", verified=True,
    ),
    KnownSet(
        "IJB-C", "templates of photos and video", "3,531 people",
        "of its own terms nothing was read; NIST gives it out no longer, since 14 March 2023",
        "https://www.nist.gov/itl/iad/ig/face-challenges", "meta/ and loose_crop/ of InsightFace",
        "benchmark=ijbc", verified=True,
    ),
    KnownSet(
        "SLLFW", "LFW with impostors who look alike", "6,000 pairs", f"{NONE_STATED}: images are LFW's",
        "http://www.whdeng.cn/SLLFW/", "pair_SLLFW.txt, with LFW's images", "benchmark=sllfw",
    ),
    KnownSet(
        "XQLFW", "LFW with pairs of very different quality", "6,000 pairs",
        "its page: free to download, no licence; its repository: MIT; images are LFW's, altered",
        "https://martlgap.github.io/xqlfw/", "xqlfw_pairs.txt, with xqlfw_aligned_112/", "benchmark=xqlfw",
        verified=True,
    ),
    KnownSet(
        "RFW", "the same task in four groups of people", "6,000 pairs in each of 4 groups", f"{RESEARCH}, on request",
        "http://www.whdeng.cn/RFW/", "its folders of groups with their lists of pairs", "benchmark=rfw",
    ),
    KnownSet(
        "BFW", "eight groups by sex and ethnicity, balanced", "20,000 images of 800 people",
        "on registration by a form (its repository, whose code is under BSD-3-Clause)",
        "https://github.com/visionjo/facerec-bias-bfw", "its table of pairs, with its images", "benchmark=bfw",
        verified=True,
    ),
    KnownSet(
        "TinyFace", "faces of about 20x16 pixels, 1:N", "169,403 images of 5,139 people", RESEARCH,
        "https://qmul-tinyface.github.io/", "Testing_Set/ with Probe, Gallery_Match, Gallery_Distractor",
        "benchmark=tinyface",
    ),
    KnownSet(
        "Hadrian, Eclipse", "beards, too much and too little light", "pairs of studio photos, not from the web",
        "of the images none were found; the code where they are offered is under MIT",
        "https://github.com/HaiyuWu/SOTA-Face-Recognition-Train-and-Test",
        "NAME.xz, NAME.bin, or NAME.npy with issame.txt", "benchmark=hadrian, eclipse",
    ),
    KnownSet(
        "ND-Twins", "twins", "see its page", f"{RESEARCH}, on request", "https://cvrl.nd.edu/projects/data/",
        "nd_twins.xz, .bin, .npy with issame.txt, or a list of pairs", "benchmark=nd_twins",
    ),
    KnownSet(
        "MegaFace", "1:N among 10 to 1,000,000 strangers", "probes of FaceScrub, 1 million photos of 690,000 people",
        "retired by its authors; photos of Flickr under Creative Commons licences, most not for commercial use",
        "http://megaface.cs.washington.edu (retired)",
        "facescrub_features_list.json, megaface_features_list.json_*_1 and images, or yours in that form",
        "benchmark=megaface",
    ),
    KnownSet(
        "your own pairs", "what your network is for", "-", "yours", "-",
        "a .bin, a .csv or a list of pairs", "benchmark=file", verified=True,
    ),
    KnownSet(
        "your own people", "1:1 or 1:N on people in folders or a pack", "-", "yours", "-",
        "PERSON/photo.jpg, or train.rec", "benchmark=pairs, identification", verified=True,
    ),
)  # fmt: skip
