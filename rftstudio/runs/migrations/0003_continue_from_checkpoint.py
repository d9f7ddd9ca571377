"""A training may start from the checkpoint of another one."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0002_replay")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="continuations",
                to="runs.run",
            ),
        ),
        migrations.AddField(
            model_name="run", name="parent_step", field=models.PositiveIntegerField(blank=True, null=True)
        ),
        migrations.AddField(model_name="run", name="origin", field=models.JSONField(blank=True, default=dict)),
    ]
