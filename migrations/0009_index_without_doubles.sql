-- Messages that ended while the index was being filled were learned twice, and a delete takes only one of
-- the two away: the index is cleared and filled again. From here on `filled_to` says, in every state, up to
-- which search_key messages may be learned; what ends beyond is noted when filling gets there.
UPDATE search_index SET state = 'clearing', filled_to = 0;
