-- Values are looked into by a function of the program. The number keeps the steps of both engines alike.
SELECT 1;
