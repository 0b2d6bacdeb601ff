"""What identity resolution trusts: identifier types, placeholders, mail providers, limits of shared identifiers."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field

RECORD = "record"

# What an analyst may decide of two records.
MUST_LINK, CANNOT_LINK = "must_link", "cannot_link"

# Order of trust; the anchor of a customer without a record is taken from the first type it has.
NODE_TYPES = (
    RECORD,
    "crm_id",
    "loyalty_id",
    "email",
    "phone",
    "postal_key",
    "social_handle",
    "device_id",
    "cookie_id",
)
ANONYMOUS_TYPES = frozenset({"device_id", "cookie_id"})

# Rules of an edge: what tied its two nodes together.
IDENTITY_LINK, SAME_ROW = "identity_link", "same_row"  # two identifiers, or the records that carry them
PROBABILISTIC = "probabilistic"  # two records alike
LINK_RULES = (IDENTITY_LINK, SAME_ROW)

# Reason of a usable value that names a household rather than a person.
LANDLINE = "landline"


@dataclass(frozen=True)
class HubLimit:
    """A node of ``node_type`` tied to more than ``limit`` distinct nodes of ``counted_type`` is quarantined."""

    node_type: str
    counted_type: str
    limit: int


DEFAULT_LIMITS = (
    HubLimit("crm_id", RECORD, 8),
    HubLimit("loyalty_id", RECORD, 6),
    HubLimit("email", RECORD, 4),
    HubLimit("phone", RECORD, 5),
    HubLimit("postal_key", RECORD, 4),
    HubLimit("social_handle", RECORD, 3),
    HubLimit("crm_id", "email", 5),
    HubLimit("crm_id", "phone", 5),
    HubLimit("loyalty_id", "email", 5),
    HubLimit("email", "loyalty_id", 3),
    HubLimit("phone", "loyalty_id", 3),
    HubLimit("email", "crm_id", 4),
    HubLimit("phone", "crm_id", 5),
    HubLimit("phone", "email", 5),
    HubLimit("email", "cookie_id", 500),
    HubLimit("phone", "cookie_id", 500),
)

# Compared with the normalised value. A run of one digit or letter is a placeholder without being listed.
DEFAULT_PLACEHOLDERS: dict[str, tuple[str, ...]] = {
    "email": (
        "na@na.fr",
        "na@na.com",
        "n@n.fr",
        "a@a.fr",
        "a@a.com",
        "aa@aa.fr",
        "aaa@aaa.fr",
        "x@x.fr",
        "x@x.com",
        "xx@xx.fr",
        "xxx@xxx.fr",
        "test@test.fr",
        "test@test.com",
        "email@email.com",
        "noemail@noemail.com",
        "nomail@nomail.fr",
        "no@mail.com",
        "none@none.com",
        "aucun@aucun.fr",
        "inconnu@inconnu.fr",
        "rien@rien.fr",
        "pasdemail@pasdemail.fr",
        "pas@demail.fr",
        "anonymous@anonymous.com",
        "nospam@nospam.com",
    ),
    "phone": ("+33123456789", "+33612345678", "+33601020304", "+33102030405", "+33600000000", "+33700000000"),
    "crm_id": ("NULL", "NONE", "NA", "N/A", "NAN", "UNKNOWN", "INCONNU", "TEST", "UNDEFINED", "-"),
    "loyalty_id": ("NULL", "NONE", "NA", "N/A", "NAN", "UNKNOWN", "INCONNU", "TEST", "UNDEFINED", "-", "123456789"),
    "social_handle": ("null", "none", "na", "n/a", "unknown", "anonymous", "undefined"),
    "device_id": ("null", "none", "nan", "unknown", "undefined"),
    "cookie_id": ("null", "none", "nan", "unknown", "undefined", "optout", "opt-out", "deleted"),
    "postal_key": ("inconnu", "inconnue", "adresse inconnue", "npai", "unknown", "none", "null", "na"),
}


@dataclass(frozen=True)
class MailProvider:
    """How a provider reads the local part: which spellings reach the same mailbox."""

    canonical: str
    ignores_dots: bool
    plus_tags: bool


DEFAULT_PROVIDERS: dict[str, MailProvider] = {
    "gmail.com": MailProvider("gmail.com", ignores_dots=True, plus_tags=True),
    "googlemail.com": MailProvider("gmail.com", ignores_dots=True, plus_tags=True),
    **{
        domain: MailProvider(domain, ignores_dots=False, plus_tags=True)
        for domain in (
            "outlook.com",
            "outlook.fr",
            "hotmail.com",
            "hotmail.fr",
            "live.com",
            "live.fr",
            "icloud.com",
            "me.com",
            "proton.me",
            "protonmail.com",
            "fastmail.com",
        )
    },
}


@dataclass(frozen=True)
class IdentityRules:
    """Everything an analyst may change about who is who."""

    limits: tuple[HubLimit, ...] = DEFAULT_LIMITS
    placeholders: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(DEFAULT_PLACEHOLDERS))
    providers: dict[str, MailProvider] = field(default_factory=lambda: dict(DEFAULT_PROVIDERS))
    # How sure one sighting of a pair makes us that both belong to one person.
    rule_scores: dict[str, float] = field(default_factory=lambda: {RECORD: 1.0, IDENTITY_LINK: 0.95, SAME_ROW: 0.9})
    minimum_score: float = 0.5
    # What a household shares: it joins customers after everything a person alone has.
    shared_types: tuple[str, ...] = ("postal_key", "device_id", "cookie_id")
    shared_reasons: tuple[str, ...] = (LANDLINE,)
    # Country a phone number without a country code is of.
    phone_region: str = "FR"

    def normalisation_version(self) -> str:
        """Fingerprint of what decides ``scores.identity_nodes``: when it changes, values are normalised again."""
        told = repr(
            (
                NORMALISATION_CODE_VERSION,
                self.phone_region,
                sorted((kind, sorted(values)) for kind, values in self.placeholders.items()),
                sorted((domain, sorted(asdict(rule).items())) for domain, rule in self.providers.items()),
            )
        )
        return hashlib.sha256(told.encode()).hexdigest()[:16]


# Raise when normalise.py changes the normal form of any value.
NORMALISATION_CODE_VERSION = 3
