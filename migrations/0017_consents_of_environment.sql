-- What the user consented to about the server of a provider that the environment configures, and which therefore has
-- no row in providers. The columns are those of the consents there.
CREATE TABLE environment_consents (
  provider_id TEXT PRIMARY KEY NOT NULL,
  consent_origin TEXT NOT NULL,
  consent_sha256 TEXT
);
