"""The commands, each in a module that is imported when it is asked for."""

COMMANDS = {
    "estimate": "Estimate energy, time, power, emissions and cost of one workload.",
    "compare": "Show networks side by side, and how sure it is that one takes less.",
    "what-if": (
        "Show what changing one thing would save: batch, precision, place, hardware."
    ),
    "inspect": "List the layers of a network: shapes, parameters, MACs and bytes.",
    "lifecycle": (
        "Add up search, training and use over a network's life, and compare variants."
    ),
    "regions": "List places whose carbon intensity is known, with year and source.",
    "fit": "Fit all regressors on measurements, choose the best and write the model.",
    "evaluate": (
        "Show how wrong every regressor and baseline is on rows it did not see."
    ),
    "score": "Say how good forecasts were: errors, coverage, bias and drift.",
    "metrics": "Show where MACs, parameters and other simple metrics mislead.",
    "learning-curve": "Show how good a fit is on so many rows of whole networks.",
    "pull-request": "Comment on what a change of networks does to their energy.",
    "doctor": (
        "Say what this machine can read, measure and answer, and how to get the rest."
    ),
    "schema": "Print the JSON Schema of what a command prints as JSON.",
}
"""What each does, in the order of the help. The module has the command's name, with
underscores, and a function ``command``, whose docstring begins with that sentence."""
