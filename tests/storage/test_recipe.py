import pytest

from rsmi.errors import InputError
from rsmi.storage import SampleRecipe

GOOD = {"shape": [8, 8], "temperature": 2.5, "chains": 4, "records": 10, "seed": 1}


def yaml_of(**changes):
    return "\n".join(f"{key}: {value}" for key, value in (GOOD | changes).items())


def test_yaml_round_trip():
    recipe = SampleRecipe(
        shape=(8, 9), temperature="critical", chains=4, records=10, seed=2**63 - 1, thin=3
    )
    assert SampleRecipe.from_yaml(recipe.to_yaml()) == recipe
    tiny = SampleRecipe(shape=(8,), temperature=1e-7, chains=1, records=1, seed=0)
    assert SampleRecipe.from_yaml(tiny.to_yaml()) == tiny


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "model",
            "pots",
            "model is 'pots'; did you mean 'potts'. expected ising or ising_graph",
        ),
        ("model", "potts", r"model potts needs the parameter 'states'.*has states \(number of"),
        ("parameters", "{states: 3}", "unknown parameter 'states' of model ising; expected none"),
        ("parameters", "3", "parameters is 3; expected `name: value` pairs"),
        (
            "update",
            "wolf",
            "update is 'wolf'; did you mean 'wolff'. expected metropolis or swendsen",
        ),
        ("shape", 8, r"shape is 8; expected extents such as \[64, 64\]"),
        ("shape", "[]", r"shape is \[\]; expected extents"),
        ("shape", "[8, 1]", "each extent of shape is 1; expected a whole number, at least 2"),
        ("shape", "[8, 8.5]", "each extent of shape is 8.5; expected a whole number"),
        ("temperature", ".nan", "temperature is nan; expected a number above 0"),
        ("temperature", -1, "temperature is -1; expected a number above 0"),
        ("temperature", "warm", "temperature is 'warm'; expected .* 'critical'"),
        ("temperature", True, "temperature is True; expected a number"),
        ("chains", 0, "chains is 0; expected a whole number, at least 1"),
        ("chains", "many", "chains is 'many'; expected a whole number"),
        ("chains", True, "chains is True; expected a whole number"),
        ("records", 1.5, "records is 1.5; expected a whole number"),
        ("seed", -1, "seed is -1; expected a whole number, from 0 to"),
        ("seed", 2**63, "seed is 9223372036854775808; expected"),
        ("thin", 0, "thin is 0; expected a whole number, at least 1"),
        ("equilibration", -1, "equilibration is -1; expected a whole number, at least 0"),
        ("colour", "red", "unknown key 'colour'; expected chains, equilibration, method, model"),
    ],
)
def test_wrong_values_are_named(key, value, message):
    with pytest.raises(InputError, match=message):
        SampleRecipe.from_yaml(yaml_of(**{key: value}))


def test_critical_is_known_in_two_dimensions():
    with pytest.raises(InputError, match="known exactly in two dimensions only"):
        SampleRecipe.from_yaml(yaml_of(shape="[8]", temperature="critical"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shape: [8, 8", "not valid YAML"),
        ("- 1", "expected `key: value` lines"),
        ("shape: [8, 8]\nseed: 1\nseed: 2", "gives the key 'seed' twice, in lines 2 and 3"),
        ("shape: [8, 8]\nchains: 2", "records, seed, temperature missing"),
    ],
)
def test_text_that_is_no_recipe(text, message):
    with pytest.raises(InputError, match=message):
        SampleRecipe.from_yaml(text)
