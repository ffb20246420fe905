"""The traps: words that mean one thing in a topic and another elsewhere. The sentences are made up.

`traps.jsonl` says each of them in other words; `subfields.jsonl` goes through the fields, and past them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher
from newsletter.topics.model import LinearModel, load_weights

MATCHER = Matcher(load_topics(), LinearModel(load_weights()))

TRAPS = [
    (
        "VQA is visual question answering",
        "Harder questions for VQA",
        "Our VQA benchmark asks a vision language model about pictures. VQA scores drop by half.",
        set(),
    ),
    (
        "VQA is a variational quantum algorithm where qubits are about",
        "Noise in a VQA",
        "We train the parameters of a VQA on twelve qubits of a quantum computer.",
        {"quantum"},
    ),
    (
        "post-quantum cryptography is not quantum computing",
        "Post-quantum signatures for small devices",
        "Lattice signatures resist quantum computers. We measure post-quantum cryptography in TLS.",
        set(),
    ),
    (
        "quantisation",
        "Quantization of weights to four bits",
        "Post-training quantization and quantized activations keep the accuracy of large models.",
        set(),
    ),
    (
        "quantile",
        "Quantile regression for demand",
        "We forecast quantiles, and a quantile loss gives intervals that are calibrated.",
        set(),
    ),
    (
        "quantum-inspired names",
        "A quantum-inspired optimiser",
        "The quantum-inspired evolutionary search runs on any laptop and finds better schedules.",
        set(),
    ),
    (
        "loss spikes",
        "Where loss spikes come from",
        "Loss spikes in pre-training follow from large gradients. Clipping removes each spike.",
        set(),
    ),
    (
        "spiked matrices",
        "Weak recovery in a spiked matrix model",
        "We find the threshold above which the spike of a spiked covariance model can be seen.",
        set(),
    ),
    (
        "Boolean circuit complexity",
        "What constant-depth transformers cannot compute",
        "Transformers lie in TC0, so by circuit complexity no such circuit solves formula evaluation. "
        "Boolean circuits of polynomial size bound their power.",
        set(),
    ),
    (
        "neural circuits of brains",
        "Inhibition in neural circuits of the cortex",
        "A cortical circuit of excitatory and inhibitory neurons keeps a memory. We fit it to recordings.",
        set(),
    ),
    (
        "spikes of living neurons",
        "Sorting spikes of dense probes",
        "Spike sorting of extracellular recordings assigns each spike train to a neuron in vivo.",
        set(),
    ),
    (
        "circuit breakers",
        "Circuit breakers against jailbreaks",
        "A circuit breaker stops the language model before it answers a harmful request.",
        set(),
    ),
    (
        "race circuits",
        "Faster laps on a racing circuit",
        "A driving policy learns every race circuit of the season. Lap times on each circuit fall.",
        set(),
    ),
    (
        "short circuits and closed circuits",
        "Shortcuts short-circuit generalisation",
        "Cameras of closed-circuit television show people walking; the classifier takes a short circuit.",
        set(),
    ),
    (
        "PCBEAR is no printed circuit board",
        "PCBEAR: Pose concepts for action recognition",
        "PCBEAR explains actions in a video by concepts of body pose instead of pixels.",
        set(),
    ),
    (
        "a PCB is",
        "Finding faults on a PCB",
        "Cameras look at each printed circuit board, and a detector finds missing solder on the PCB.",
        {"circuits"},
    ),
    (
        "SNN as a sheaf network",
        "Directed sheaves on graphs",
        "We extend the SNN, the sheaf neural network, to directed graphs. Our SNN beats other networks.",
        set(),
    ),
    (
        "SNN as a spiking network",
        "Deeper SNNs",
        "Training an SNN is hard because spiking neurons have no gradient. Our SNN has a hundred layers.",
        {"neuromorphic"},
    ),
    (
        "event cameras are neuromorphic",
        "Tracking corners with an event camera",
        "Event cameras see fast motion. We track corners in the event stream with little delay.",
        {"neuromorphic"},
    ),
    (
        "events of a log are not",
        "Event logs of hospital processes",
        "We predict the next event of an event log, and detect events that break the rules.",
        set(),
    ),
    (
        "interpretable as an adjective",
        "An interpretable model of bus delays",
        "Our interpretable and explainable model improves interpretability for planners at equal accuracy.",
        set(),
    ),
    (
        "attention maps as a garnish",
        "Better captions with region features",
        "The captioner beats its baseline. Attention maps show that it looks at the right regions.",
        set(),
    ),
    (
        "saliency of salient objects",
        "Salient object detection in the dark",
        "Salient object detection fails at night. Our saliency network fuses thermal images.",
        set(),
    ),
    (
        "the mechanism of attention",
        "A cheaper attention mechanism",
        "The attention mechanism costs quadratic time; a mechanism with fewer attention heads is as good.",
        set(),
    ),
    (
        "quantum circuits alone are not electronics",
        "Compiling quantum circuits",
        "We route quantum circuits on a grid of qubits with fewer gates. Circuit depth falls by a third.",
        {"quantum"},
    ),
    (
        "circuits inside transformers are not electronics",
        "The circuit behind subtraction",
        "By activation patching we find the circuit of attention heads with which a transformer subtracts.",
        {"interpretability"},
    ),
    (
        "circuits of electronics are not interpretability",
        "Language models that draw schematics",
        "A language model proposes an analog circuit, and SPICE simulation checks each circuit.",
        {"circuits"},
    ),
    (
        "single flux quanta are not quantum computing",
        "Single flux quantum logic for spiking neurons",
        "Superconducting electronics with single flux quantum pulses builds a spiking neural network chip.",
        {"circuits", "neuromorphic"},
    ),
    (
        "electronic health records are no electronics",
        "Forecasting stays from electronic health records",
        "Electronic records of a million patients feed a transformer. Events of each stay become tokens, "
        "and the model foresees the next event and the day of discharge better than trees do, in three "
        "hospitals.",
        set(),
    ),
    (
        "hardware that is only used",
        "Training on eight GPUs in a day",
        "Our recipe trains a diffusion model on commodity hardware. Throughput and memory on each GPU are "
        "balanced by checkpointing, and latency at inference falls by distillation to four steps on an "
        "edge device.",
        set(),
    ),
    (
        "memory of agents",
        "A memory architecture for agents that talk for months",
        "The memory system writes, links and forgets notes. Its controller decides what stays in the "
        "context and what goes to storage; a cache of recent turns keeps latency low. Recall of facts "
        "doubles.",
        set(),
    ),
    (
        "steering of cars",
        "End-to-end steering under rain",
        "A driving policy maps cameras to the steering angle. We add a planner, train on logs of rain and "
        "night, and close the loop in simulation; interventions by the safety driver fall by half.",
        set(),
    ),
    (
        "probing questions",
        "Probing questions for tutoring models",
        "A tutor asks probing questions before it explains. We collect dialogues of teachers, and "
        "preference tuning makes a language model ask rather than tell; students learn more in a trial in "
        "schools.",
        set(),
    ),
    (
        "superposition of sounds, features of tables",
        "Separating a superposition of voices",
        "A mixture is a superposition of sources. We separate voices by a mask over time and frequency, "
        "with sparse features and a dictionary of timbres learned from clean speech, in rooms with echo.",
        set(),
    ),
    (
        "event cameras in the company of robots",
        "Catching balls with an event camera",
        "A quadruped catches thrown balls. Its event camera reports changes of brightness with "
        "microsecond delay, so the arm moves before a frame camera has seen the ball. The policy is "
        "trained in simulation.",
        {"neuromorphic"},
    ),
    (
        "a chip for spiking networks is both",
        "A 22 nm processor for spiking networks",
        "We present a digital neuromorphic processor in 22 nm CMOS. Spiking neurons are updated only on "
        "events, weights stay in SRAM beside them, and a network-on-chip routes spikes at two picojoule "
        "each.",
        {"circuits", "neuromorphic"},
    ),
]


def rows_of(name: str) -> list[dict[str, Any]]:
    """The papers of a file in this folder."""
    lines = Path(__file__).with_name(name).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


SUBFIELDS = rows_of("subfields.jsonl")


def sections_of(title: str, abstract: str) -> set[str]:
    return {match.topic for match in MATCHER.match(title, abstract) if match.strength == "strong"}


@pytest.mark.parametrize(
    ("title", "abstract", "topics"), [trap[1:] for trap in TRAPS], ids=[trap[0] for trap in TRAPS]
)
def test_trap_catches_nothing_it_should_not(title: str, abstract: str, topics: set[str]) -> None:
    assert sections_of(title, abstract) == topics


@pytest.mark.parametrize("row", rows_of("traps.jsonl"), ids=lambda row: f"{row['trap']}: {row['title']}")
def test_trap_in_other_words_catches_nothing_either(row: dict[str, Any]) -> None:
    assert sections_of(row["title"], row["abstract"]) == set(row["topics"])


@pytest.mark.parametrize("row", SUBFIELDS, ids=lambda row: row["title"])
def test_paper_of_a_subfield_is_in_no_wrong_section(row: dict[str, Any]) -> None:
    assert sections_of(row["title"], row["abstract"]) <= set(row["topics"])


def test_papers_of_all_subfields_are_found() -> None:
    """Abstracts of three sentences may be too short: few papers are missed, most of these are doubtful."""
    wanted = {(row["title"], topic) for row in SUBFIELDS for topic in row["topics"]}
    sure = {
        (row["title"], topic) for row in SUBFIELDS for topic in sections_of(row["title"], row["abstract"])
    }
    at_all = {
        (row["title"], match.topic)
        for row in SUBFIELDS
        for match in MATCHER.match(row["title"], row["abstract"])
    }
    assert len(wanted) == 39
    assert len(wanted & sure) >= 33
    assert len(wanted & at_all) >= 38
