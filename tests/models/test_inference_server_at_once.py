"""Several questions to a server at once: answers come in their order, and no ending leaves anything behind."""

import threading

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import ModelError
from support import servers
from support.inference import NCHW, PHOTO, PICTURES, ask, load
from support.patience import wait_for
from support.served_planted import planted
from support.servers import Inference

pytestmark = pytest.mark.usefixtures("plain_http")


def test_four_are_on_their_way_and_answers_come_in_order():
    first = servers.slow(0.4)
    with Inference() as server:
        model = load(server)
        server.plan, server.most_at_once = [first, *[servers.slow(0.05)] * 11], 0
        batches = [NCHW[i % 5 : i % 5 + 1] for i in range(12)]
        scores = ask(model, *batches)

    np.testing.assert_allclose(np.concatenate(scores), planted(PICTURES)[np.arange(12) % 5], atol=1e-6)
    assert server.most_at_once == 4


def test_a_batch_may_be_used_again_once_the_next_is_taken():
    own = np.empty_like(NCHW[:1])

    def batches():
        for i in range(8):
            own[:] = NCHW[i % 5]
            yield own

    with Inference() as server:
        model = load(server)
        server.plan = [servers.slow(0.05)] * 8
        scores = list(model.stream(batches()))

    assert model.in_flight == 1
    np.testing.assert_allclose(np.concatenate(scores), planted(PICTURES)[np.arange(8) % 5], atol=1e-6)


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("seewhy")]


def only_the_first(does):
    """Do this with the request for one picture, and let all others hang."""
    small = NCHW[0].nbytes + 1000
    return lambda handler: (does if int(handler.headers["Content-Length"]) < small else servers.hangs)(handler)


@pytest.mark.parametrize("ending", ["closed", "failed", "finished", "source failed"])
def test_nothing_is_left_behind(ending):
    def batches():
        yield from [NCHW[:1], NCHW, NCHW, NCHW]
        if ending == "source failed":
            raise KeyError("no more")

    plan = {"closed": [only_the_first(servers.slow(0))] * 4, "failed": [only_the_first(servers.says(500))] * 4}
    with Inference() as server:
        model = load(server)
        wait_for(lambda: server.open == 0)
        server.plan = plan.get(ending, [])
        stream = model.stream(batches())
        if ending == "closed":
            next(stream)
            assert threads() == ["seewhy-http"]
            assert server.open > 0
            stream.close()
        elif ending == "finished":
            assert len(list(stream)) == 4
        else:
            with pytest.raises(ModelError if ending == "failed" else KeyError):
                list(stream)

        assert threads() == []
        assert ending not in plan or server.open > 0  # nobody waited for the answers that hang
        server.let_go.set()  # a server that hangs does not notice that nobody listens
        wait_for(lambda: server.open == 0)


def test_a_cancelled_run_leaves_nothing():
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="gray", n_samples=400)
    with Inference() as server:
        model = load(server)
        server.plan = [servers.slow(0.05)] * 100
        enough = len(server.sizes) + 12
        more = {"cancel": lambda: len(server.sizes) > enough, "batch_size": 8}
        got = seewhy.explain(PHOTO, model=model, method=method, targets=[0], **more)
        wait_for(lambda: server.open == 0)

    assert server.most_at_once == 4
    assert 0 < len(got.samples.scores) < 400
    assert threads() == []
