"""A program that studies, predicts and watches. Type checkers must accept it, but for the lines
marked as wrong.
"""

from typing import assert_type

import torch

import ogive

# What is predicted from a formula alone.
network = ogive.predict.network("gelu", depth=20)
assert_type(network, ogive.predict.Network)
assert_type(network.depth, int)
assert_type(ogive.predict.edge_of_chaos("tanh"), ogive.predict.EdgeOfChaos)
assert_type(ogive.predict.gain("relu"), float)

# A study of data.
result = ogive.study.run("digits", quick=True)
assert_type(result, ogive.study.StudyResult)
assert_type(result.settings.activations, tuple[str, ...])
result.to_frame().head()
result.report("report.html")

# A training that is watched.
model = torch.nn.Linear(3, 3)
with ogive.watch.Monitor(model) as monitor:
    assert_type(monitor, ogive.watch.Monitor)
found = monitor.report()
assert_type(found, ogive.watch.Report)
for finding in found.findings:
    assert_type(finding, ogive.watch.Finding)
    assert_type(finding.layer, str)

# What must not pass.
ogive.predict.network("gelu", "deep")  # wrong: arg-type, reportArgumentType
ogive.predict.netwrok("gelu")  # wrong: attr-defined, reportAttributeAccessIssue
ogive.study.run("digits", qick=True)  # wrong: call-arg, reportCallIssue
ogive.watch.Montior(model)  # wrong: attr-defined, reportAttributeAccessIssue
print(found.findigs)  # wrong: attr-defined, reportAttributeAccessIssue
