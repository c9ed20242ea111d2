-- Texts are compared and ordered by code points here from the beginning. The number keeps the steps of both engines alike.
SELECT 1;
