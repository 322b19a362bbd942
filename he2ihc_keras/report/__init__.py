"""Scores as one HTML file that opens anywhere: what a colleague is sent.

    scores -> tables, plots, provenance ->+
                                          +-> template -> page
    scores -> cases <- images, model    ->+

Everything is inside the file: it opens without a server and asks no network.
"""

from he2ihc_keras.report.page import needs_a_model, write_report

__all__ = ["needs_a_model", "write_report"]
