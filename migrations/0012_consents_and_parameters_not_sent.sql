-- What the user consented to about the server at base_url, for one origin: an http one may get the key unencrypted,
-- and an https one is trusted if its certificate has this SHA-256 fingerprint.
ALTER TABLE providers ADD COLUMN consent_origin TEXT;
ALTER TABLE providers ADD COLUMN consent_sha256 TEXT CHECK (consent_sha256 IS NULL OR consent_origin IS NOT NULL);

-- Which parameters were set for an answer and not sent, because its model does not take them: a JSON array of names,
-- null for none.
ALTER TABLE messages ADD COLUMN not_sent TEXT;
