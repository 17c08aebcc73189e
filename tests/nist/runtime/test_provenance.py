import pytest

from nist.runtime import devices


@pytest.mark.parametrize(
    ("lines", "emulates"),
    [
        (["model name: x", "flags : fpu avx512f avx512_bf16 amx_tile"], False),
        (["flags : fpu avx512f amx_bf16"], False),
        (["Features : fp asimd bf16"], False),
        (["flags : fpu avx2 avx512f"], True),
        (["Features : fp asimd"], True),
        ([], False),  # a system that does not say
    ],
)
def test_bfloat16_is_emulated_where_no_instruction_for_it_is_listed(monkeypatch, lines, emulates):
    monkeypatch.setattr(devices, "lines_of", lambda path: lines)
    assert devices.emulates_bfloat16() == emulates
