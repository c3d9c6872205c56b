"""The commands, each in a module that is imported when it is asked for."""

COMMANDS = {
    "estimate": "Estimate energy, time, power, emissions and cost of one workload.",
    "compare": "Show networks side by side, and how sure it is that one takes less.",
    "inspect": "List the layers of a network: shapes, parameters, MACs and bytes.",
    "fit": "Fit all regressors on measurements, choose the best and write the model.",
    "evaluate": (
        "Show how wrong every regressor and baseline is on rows it did not see."
    ),
    "score": "Say how good forecasts were: errors, coverage, bias and drift.",
    "metrics": "Show where MACs, parameters and other simple metrics mislead.",
    "learning-curve": "Show how good a fit is on so many rows of whole networks.",
    "doctor": (
        "Say what this machine can read, measure and answer, and how to get the rest."
    ),
}
"""What each does, in the order of the help. The module has the command's name, with
underscores, and a function ``command``, whose docstring begins with that sentence."""
