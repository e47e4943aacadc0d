"""Tunings and studies whose processes are killed at random: ``python -m support.killing FOLDER COMMAND SEED``.

A process is killed once its model was asked some pictures more, so that no clock decides where.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from seewhy.models import FunctionModel
from seewhy.study import study
from support.graded import LIME, scores
from support.tuning import FREE, OBJECT, SHOWN, Counted, only_free, plain

Asked = Callable[[int], None]


def tuned(place: Path, out: str, asked: Asked) -> object:
    class Told(Counted):
        def answer(self, batch):
            asked(len(batch))
            return super().answer(batch)

    model = Told()
    model.code = ""  # the function holds a pipe of its own in each process
    return plain(only_free(model, truth=OBJECT, free=FREE | SHOWN, metric="srg", n_samples=60, out=place / out))


def studied(place: Path, out: str, asked: Asked) -> object:
    def told(batch):
        asked(len(batch))
        return scores(batch)

    model = FunctionModel(told, labels=("red", "green", "blue"), kind="score", input_size=16, batch_size=8, name="told")
    model.code = ""  # as above
    sampling = {"black": LIME, "blur": LIME.replace(fill="blur")}
    menu = {"sampling": sampling, "free": {"num_features": [None, 2]}}
    return study(place / "photos", model=model, menu=menu, n_samples=40, out=place / out, progress=False).to_dict()


COMMANDS = {"tune": tuned, "study": studied}


def killed_once(command: str, place: Path, pictures: int) -> bool:
    """Work in a process of its own that is killed after some pictures; False: it was done before."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        os.close(reader)
        code = 1
        try:
            COMMANDS[command](place, "killed", lambda n: os.write(writer, b"x" * n) and None)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    while pictures > 0:
        got = os.read(reader, pictures)
        if not got:
            break
        pictures -= len(got)
    os.kill(process, signal.SIGKILL)
    os.close(reader)
    _, status = os.waitpid(process, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, status
        return False
    return True


def main(place: Path, command: str, seed: int) -> None:
    chance, kills, sent = random.Random(seed), 0, [0]

    def count(n: int) -> None:
        sent[0] += n

    straight = COMMANDS[command](place, "straight", count)
    while killed_once(command, place, chance.randint(1, 60 + 30 * kills)):  # ever later, so that it ends
        kills += 1
    whole, sent[0] = sent[0], 0
    again = COMMANDS[command](place, "killed", count)
    print(json.dumps({"kills": kills, "same": again == straight, "whole": whole, "again": sent[0]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
