# A study of one's own: two variants of three seeds each, and how far apart they are.
# Snakemake does all of this, with figures and tables: docs/own-study.md.
set -e
study=docs/examples/own_study.yaml
runs=$(mktemp -d)

for variant in dense tenth; do
    python -m nist.train --study $study --variant $variant --seeds 0-2 \
        --checkpoints "$runs" --out "$runs/$variant/seeds0-2.parquet"
done
python -m analysis.statistics --study $study --only paired_difference \
    -o "$runs" "$runs"/*/*[0-9].parquet
cut -d , -f 2,3,10,12,13,19 "$runs/own_study/paired_difference.csv"
