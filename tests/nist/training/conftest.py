import pytest


@pytest.fixture
def five_epochs(study_content, load_study):
    """The embedded LeNet-5 study at five epochs, pruned after the second, with SGD after a share of them with Adam."""

    def load(adam):
        study_content["training"].update({"epochs": 5, "batch_size": 32})
        for phase, share in zip(study_content["training"]["optimizers"], (adam, 1 - adam), strict=True):
            phase["share"] = share
        for variant in study_content["variants"].values():
            if variant["prune"]:
                variant["prune"]["epoch"] = 2
        return load_study(study_content)

    return load
