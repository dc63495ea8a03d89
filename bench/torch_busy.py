"""Peer: what PyTorch keeps of a step's speed on a busy machine, in the turns of `scrl bench busy`.

    python bench/torch_busy.py --arch resnet18 --batch 32 --size 128
"""

import sys
from pathlib import Path

import torch

from peer_result import print_result
from torch_step import parser, prepared, versions

sys.path.append(str(Path(__file__).resolve().parent.parent / "bindings" / "python"))
from scrl.bench_busy import kept  # noqa: E402  # numpy is all that it needs


def main():
    options = parser()
    options.add_argument("--seconds", type=float, default=5.0, help="of a turn alone")
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    found = kept(prepared(asked), asked.batch, asked.seconds, asked.rounds)
    print_result(**found, config={**vars(asked), "threads": torch.get_num_threads()},
                 versions=versions())


if __name__ == "__main__":
    main()
