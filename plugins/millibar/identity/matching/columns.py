"""Names of the feature and block columns, and the version of the code that fills them."""

from __future__ import annotations

FEATURE_COLUMNS: tuple[str, ...] = (
    "given_name",
    "family_name",
    "name_key",
    "birth_date",
    "street",
    "house_number",
    "postal_code",
    "city",
    "country",
    "email",
    "phone",
    "loyalty_id",
    "crm_id",
    "postal_key",
    "source",
)

BLOCK_COLUMNS: tuple[str, ...] = tuple(f"block_{number}" for number in range(16))

# Raise when prepare() would give other values for the same record.
FEATURES_VERSION = 2
