"""Training curves from whatever a history holds."""

from pathlib import Path

import pytest

from he2ihc_keras.report.curves import training


def curves(tmp_path, text):
    (tmp_path / "history.csv").write_text(text)
    return {plot.title: plot for plot in training(tmp_path / "history.csv").plots}


@pytest.mark.parametrize("history", [None, Path("absent")])
def test_without_a_history_there_are_no_curves(history):
    assert training(history).plots == []


@pytest.mark.parametrize("text", ["", "epoch,loss\n", "a,b\n1,2\n", "epoch\n1\n"])
def test_history_without_epochs_or_columns_has_no_curves(tmp_path, text):
    assert curves(tmp_path, text) == {}


def test_what_is_no_number_is_left_out(tmp_path):
    assert curves(tmp_path, "epoch,loss\n1,x\n2,0.5\n").keys() == {"Loss"}


def test_columns_stand_in_the_plot_of_their_kind(tmp_path):
    columns = {
        "generator_loss": "Loss of the generator",
        "generator_l1": "Loss of the generator",
        "to_ihc_loss": "Loss of the to ihc",
        "val_to_ihc_cycle": "Loss of the to ihc",
        "discriminator_loss": "Loss of the discriminator",
        "val_generator_l1": "Loss of the generator",
        "discriminator_real": "Loss of the discriminator",
        "discriminator_learning_rate": "Learning rate",
        "learning_rate": "Learning rate",
        "val_psnr": "Validation PSNR",
        "val_ssim": "Validation SSIM",
        "val_kappa": "Validation kappa",
        "other": "Loss",
    }
    values = ",".join(map(str, range(len(columns))))
    found = curves(tmp_path, f"epoch,{','.join(columns)}\n1,{values}\n2,{values}\n")
    for value, (column, title) in enumerate(columns.items()):
        assert f"{column} {value}" in found[title].alt


def test_legend_names_each_term_once(tmp_path):
    header = "epoch,generator_loss,generator_b,val_generator_loss,val_generator_b"
    found = curves(tmp_path, f"{header}\n1,1,2,3,4\n2,1,2,3,4\n")
    svg = found["Loss of the generator"].svg
    assert svg.count(">loss</text>") == 2  # and the name of the axis
    assert svg.count(">b</text>") == 1
