-- What both releases of Datasette serve: foreign keys, a compound key, a key with a slash, texts of several scripts,
-- a binary value, an empty text beside none, and a number that a double does not hold.
create table makers (id integer primary key, name text not null, country text);
create table cameras (
    id integer primary key,
    maker integer references makers (id),
    model text,
    fps real,
    tags text,
    photo blob,
    note text
);
create table halls (code text primary key, floor integer) without rowid;
create table places (
    hall text references halls (code),
    spot integer,
    camera integer references cameras (id),
    primary key (hall, spot)
);
create view fast as select model, fps from cameras where fps > 25;

insert into makers values (1, 'Aster', 'DE'), (2, 'Böhm & Söhne', 'AT'), (3, '厨房', 'CN');
insert into cameras values
    (1, 1, 'A1', 25.0, '["day", "wide"]', x'00ff10', 'first'),
    (2, 1, 'A2', 29.97, '["night"]', null, null),
    (3, 2, 'B 7', 50.0, '[]', null, ''),
    (4, 3, 'K/3', 12.5, '["day"]', null, '<b>&'),
    (5, null, 'Z', 60.0, null, null, '9007199254740993');
insert into halls values ('north', 1), ('south', 0), ('a/b', 3);
insert into places values ('north', 1, 1), ('north', 2, 2), ('south', 1, 4);
