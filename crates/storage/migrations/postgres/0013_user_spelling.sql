-- Login names are compared in lower case. As it was given, where that is another spelling.
ALTER TABLE users ADD COLUMN login_given text;
