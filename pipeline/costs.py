"""Text and model → characters and credits, as the service bills them."""

from __future__ import annotations

# Credits a character, as published accounts of the service's billing give them; a voice may multiply this.
HALF_PRICE_MODELS = ("flash", "turbo")


def billed_characters(text: str) -> int:
    """Count what is billed: every character sent."""
    return len(text)


def estimated_credits(text: str, model: str) -> float:
    """Estimate the credits of a text for a voice without a multiplier: half a credit a character for fast models."""
    rate = 0.5 if any(name in model for name in HALF_PRICE_MODELS) else 1.0
    return rate * billed_characters(text)
