from nist.training.seeds import streams


def test_streams_are_distinct_and_repeatable():
    everything = [value for seed in range(50) for value in streams(seed)]
    assert len(set(everything)) == 250
    assert streams(7) == streams(7)


def test_streams_keep_their_values():
    # A change here would silently unpair new runs from those already published.
    assert streams(0).initialisation == 4334430513956379144
    assert streams(1).data_order == 2021340933837429789
