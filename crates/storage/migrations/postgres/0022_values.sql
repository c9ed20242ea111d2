-- Values that programs have noted are looked into by filters.
ALTER TABLE metadata ALTER COLUMN value TYPE text COLLATE "C";
ALTER TABLE rosters ALTER COLUMN data TYPE text COLLATE "C";

-- What is at the end of a path of keys in a JSON text, as a text of which the order is that of the values of one kind: b with 0
-- or 1, n with 16 digits, t with the text, x for a list or a dictionary; NULL where there is nothing. A text in which U+0000 is
-- can't be read here at all.
CREATE FUNCTION record_scalar(document text, path text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    held   json;
    key    text;
    kind   text;
    amount double precision;
    digits text;
BEGIN
    IF position('\u0000' IN document) > 0 THEN
        RETURN NULL;
    END IF;
    held := document::json;
    FOR key IN SELECT json_array_elements_text(path::json) LOOP
        IF json_typeof(held) IS DISTINCT FROM 'object' THEN
            RETURN NULL;
        END IF;
        held := held -> key;
    END LOOP;
    kind := json_typeof(held);
    IF kind IS NULL OR kind = 'null' THEN
        RETURN NULL;
    ELSIF kind = 'string' THEN
        RETURN 't' || (held #>> '{}');
    ELSIF kind = 'boolean' THEN
        RETURN CASE WHEN held #>> '{}' = 'true' THEN 'b1' ELSE 'b0' END;
    ELSIF kind <> 'number' THEN
        RETURN 'x';
    END IF;
    amount := (held #>> '{}')::double precision;
    IF amount = 0 THEN
        amount := 0;
    END IF;
    digits := encode(float8send(amount), 'hex');
    IF amount < 0 THEN
        RETURN 'n' || translate(digits, '0123456789abcdef', 'fedcba9876543210');
    END IF;
    RETURN 'n' || translate(left(digits, 1), '01234567', '89abcdef') || substr(digits, 2);
END
$$;
