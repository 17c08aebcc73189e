# Figures and tables. One process makes all of a study, or all of the paper's own. What has not been run is shown as
# missing: nothing is trained for it.
SUFFIXES = {"figure": [".svg", ".pdf", ".png"], "table": [".csv", ".md", ".tex"]}
LOOKS = ("title", "edition", "variants", "feeds", "data", "model", "training")  # what an item shows beside statistics


def items_of(name, kind):
    """Items of one kind of a study or, of ``None``, of the paper."""
    return plan.fed_by(STUDIES[name], ITEMS, kind) if name else plan.of_the_paper(ITEMS, kind)


def item_files(name, kind, suffixes):
    return [f"{item_folder(name, kind)}/{item}{suffix}" for item in items_of(name, kind) for suffix in suffixes]


def item_folder(name, kind):
    return f"results/{kind}s/{name}" if name else f"results/{kind}s"


def item_statistics(name, kind):
    """Statistics that the items of a study, or of the paper, show; of the paper's studies those that are configured."""
    found = {
        path
        for item in items_of(name, kind)
        for path in statistics_of([name] if name else ITEMS[item]["studies"], ITEMS[item]["statistics"])
        if Path(path).parent.name in STUDIES
    }
    return sorted(found)


def in_the_report(name, kind):
    """First file of each item, with its place in Snakemake's own report."""
    category = name or "The paper's figures and tables"
    labels = {item: {"kind": kind, "item": ITEMS[item]["title"]} for item in items_of(name, kind)}
    files = item_files(name, kind, SUFFIXES[kind][:1])
    return [report(path, category=category, labels=labels[Path(path).stem]) for path in files]


for shown, kind in [(name, kind) for name in [None, *STUDIES] for kind in SUFFIXES if items_of(name, kind)]:

    rule:
        name:
            f"{kind}s_of_{shown}" if shown else f"paper_{kind}s"
        localrule: True
        input:
            statistics=item_statistics(shown, kind),
            code=code_of(f"analysis.{kind}s.__main__", *(plan.module_of(ITEMS, item) for item in items_of(shown, kind))),
        output:
            in_the_report(shown, kind),
            item_files(shown, kind, SUFFIXES[kind][1:]),
        params:
            [[one.content[key] for key in LOOKS] for one in ([STUDIES[shown]] if shown else PAPER_STUDIES.values())],
            manifest={item: ITEMS[item] for item in items_of(shown, kind)},
            module=f"analysis.{kind}s",
            studies=[f"--study={shown}"] if shown else ["--paper", *(f"--study={name}" for name in PAPER_STUDIES)],
            folder=item_folder(shown, kind),
        log:
            f"results/logs/{kind}s/{shown or 'paper'}.log",
        shell:
            "python -m {params.module} {params.studies:q} {input.statistics:q} -o {params.folder:q} > {log} 2>&1"
