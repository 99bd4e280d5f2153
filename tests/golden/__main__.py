"""Write the golden files that do not exist yet: `PYTHONPATH=tests python -m golden`. Existing ones stay as they are."""

import json
from pathlib import Path

import msgspec

from domain.store import codec
from examples import ALICE, EXAMPLES
from published import publish

HERE = Path(__file__).parent

for name, example in sorted(EXAMPLES.items()):
    file = HERE / f"{name}.json"
    if not file.exists():
        event = msgspec.structs.replace(example, act=ALICE)
        body = json.loads(codec.encode(event))
        golden = {"type": name, "body": body, "reads": {key: value for key, value in body.items() if key != "act"}}
        file.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
        print(file.name)

for file in publish():
    print(file.relative_to(HERE))
